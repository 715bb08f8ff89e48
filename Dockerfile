# One image for each service: docker build --build-arg SERVICE=gateway -t flowhook-gateway .
# It holds its own service's folder only, so that a stray import fails at once.
FROM python:3.13-slim AS build
ARG SERVICE
COPY requirements/${SERVICE}.txt /requirements.txt
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r /requirements.txt

FROM python:3.13-slim
ARG SERVICE
ENV SERVICE=${SERVICE} PATH=/venv/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
COPY --from=build /venv /venv
COPY libs libs
COPY services/__init__.py services/__init__.py
COPY services/${SERVICE} services/${SERVICE}
USER 10001:10001
EXPOSE 8080 8081 8090
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s \
    CMD python -c "import urllib.request as r; r.urlopen('http://127.0.0.1:8090/readyz', timeout=2)"
CMD ["sh", "-c", "exec python -m services.$SERVICE"]
