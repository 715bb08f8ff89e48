"""Templates that try to hold a runner or fill its memory, and those that reach for Python."""


def grown(start: str, grow: str, then: str = "") -> str:
    """Return a template in which `ns.l` grows in each of 60 turns."""
    turns = "{% for i in range(60) %}{% set ns.l = " + grow + " %}{% endfor %}"
    return "{% set ns = namespace(l=" + start + ") %}" + turns + then


# Each ends in an error, whatever it is given.
BOMBS = {
    "text times": "{{ 'a' * 10**9 }}",
    "power": "{{ 10 ** (10 ** 8) }}",
    "squaring": grown("2", "ns.l * ns.l"),
    "nested loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "loops that filter": "{% for a in range(99999) if false %}{% endfor %}" * 3,
    "recursive loop": (
        "{% for x in [1] recursive %}{% if loop.depth < 4 %}{{ loop(range(999)) }}{% endif %}{% endfor %}"
    ),
    "endless recursion": "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "long range": "{{ range(10**8)|list }}",
    "longest range": "{{ range(10**30) }}",
    "center": "{{ 'a'|center(10**9) }}",
    "doubling by ~": grown("'a'", "ns.l ~ ns.l"),
    "doubling by +": grown("'a'", "ns.l + ns.l"),
    "join filter": "{{ (range(99999)|list)|join('x' * 99999) }}",
    "join method": "{{ ('x' * 99999).join(range(99999)) }}",
    "replace method": "{{ ('x' * 99999).replace('x', 'y' * 99999) }}",
    "replace filter": "{{ ('x' * 99999)|replace('', 'y' * 99999) }}",
    "macro in itself": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "macro twice in itself": "{% macro m(n) %}{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% endif %}x{% endmacro %}{{ m(40) }}",
    "percent": "{{ '%01000000000d' % 1 }}",
    "percent by odd": "{{ '%01000000000d' is odd }}",
    "percent by select": "{{ ['%01000000000d']|select('divisibleby', 3)|list }}",
    "format": "{{ '{:01000000000d}'.format(1) }}",
    "format_map": "{{ '{a:01000000000d}'.format_map({'a': 1}) }}",
    "format by map": "{{ (['{:01000000000d}']|map(attribute='format')|first)(1) }}",
    "list doubling": grown("[]", "[ns.l, ns.l]", "{{ ns.l }}"),
    "tuple doubling": grown("(1,)", "(ns.l, ns.l)", "{{ {ns.l: 1} }}"),
    "dict doubling": grown("{}", "{'a': ns.l, 'b': ns.l}"),
    "dict() doubling": grown("{}", "dict(a=ns.l, b=ns.l)"),
    "compared lists": (
        "{% set ns = namespace(l=[], m=[]) %}{% for i in range(34) %}{% set ns.l = [ns.l, ns.l] %}"
        "{% set ns.m = [ns.m, ns.m] %}{% endfor %}{{ ns.l == ns.m }}"
    ),
    "namespace doubling": grown("1", "namespace(a=ns.l, b=ns.l)", "{{ ns.l }}"),
    "list growing": grown("[1]", "ns.l + ns.l"),
    "list times": grown("[1]", "ns.l * 2"),
    "batch doubling": grown("[1]", "[ns.l]|batch(2, ns.l)|list"),
    "batch": "{{ ['a']|batch(10**9, 'x')|list }}",
    "slice filter": "{{ ['a']|slice(10**9)|list }}",
    "sorting copies": "{{ ([('a' * 1000000)] * 1000)|sort }}",
    "summing lists": "{{ (range(50000)|batch(1)|list)|sum(start=[]) }}",
    "indent": "{{ ('a\\n' * 100000)|indent(10000) }}",
    "tojson indent": "{{ [1]|tojson(indent=10**9) }}",
    "round": "{{ 1|round(10**9, 'ceil') }}",
    "wordwrap": "{{ ('a ' * 9000)|wordwrap(1, wrapstring='x' * 999999) }}",
    "striptags": "{{ ('<!-- -->' * 99999)|striptags }}",
    "strip": "{{ ('a' * 999999).strip('b' * 999999 ~ 'a') }}",
    "rfind": "{{ ('a' * 999999).rfind('b' ~ 'a' * 499999) }}",
    "split": "{{ ('a,' * 1000000).split(',') }}",
    "slices": "{% set s = 'a' * 1000000 %}{{ [" + ",".join(["s[:]"] * 500) + "] }}",
    "urlencode": "{{ ('\"' * 1999999)|urlencode }}",
    "deep JSON": "{{ ('[' * 99999)|parse_json }}",
    "text in loops": "{% filter upper %}{% for i in range(99999) %}" + "a" * 100 + "{% endfor %}{% endfilter %}",
    "regex": "{{ ('a' * 40 ~ 'b')|regex_replace('(a|aa)+$', '') }}",
    "regex counts": "{{ 'a'|regex_replace('((a{100}){100}){100}', '') }}",
    "regex replacement": "{{ ('a' * 100000)|regex_replace('', 'x' * 1000) }}",
    "regex groups": "{{ ('a' * 1000000)|regex_replace('(a+)', '\\\\1' * 400) }}",
    "strftime": "{{ now().strftime('%01000000000Y') }}",
    "unknown method": "{{ 'a'.zfill(10**9) }}",
    "hidden filter": "{{ [-10**9]|map(' turn')|list }}",
    "lipsum": "{{ lipsum(n=10**7) }}",
}

# Each asks for what is Python's own.
ESCAPES = {
    "class": "{{ ''.__class__ }}",
    "class by item": "{{ ''['__class__'] }}",
    "class by attribute": "{{ ['']|map(attribute='__class__')|list }}",
    "globals of a function": "{{ now.__globals__ }}",
    "globals of a class": "{{ namespace.__init__.__globals__ }}",
    "cycler": "{{ cycler.__init__.__globals__.os }}",
    "classes of a class": "{{ dict.mro() }}",
    "self": "{{ self.__init__ }}",
    "frame of a generator": "{{ (x for x in [1]).gi_frame }}",
    "changing a list": "{{ web1.list.append(1) }}",
    "changing an object": "{{ web1.update({'a': 1}) }}",
    "function as result": "{{ now }}",
    "method as result": "{{ web1.get }}",
    "method in text": "a {{ web1.get }}",
}

# Sources that exhaust a compiler.
HOSTILE_SOURCES = {
    "brackets": "{{ " + "(" * 90 + "1" + ")" * 90 + " }}",
    "lists": "{{ " + "[" * 90 + "1" + "]" * 90 + " }}",
    "loops": "{% for a in [1] %}" * 21 + "{% endfor %}" * 21,
    "flat": "{{ 1 }}" * 100_000,
    "sum": "{{ " + "+".join(["1"] * 5000) + " }}",
    "not": "{{ " + "not " * 4000 + "1 }}",
    "minus": "{{ " + "-" * 5000 + "1 }}",
    "path": "{{ x" + ".a" * 5000 + " }}",
    "filters": "{{ x" + "|e" * 5000 + " }}",
    "inline if": "{{ " + "1 if 1 else " * 1000 + "1 }}",
    "number": "{{ " + "9" * 5000 + " }}",
    "ifs": "{% if a %}" * 500 + "{% endif %}" * 500,
    "include": "{% include 'a' %}",
    "extends": "{% extends 'a' %}",
    "import": "{% import 'a' as b %}",
    "block": "{% block a %}{% endblock %}",
    "autoescape": "{% autoescape true %}{% endautoescape %}",
    "unknown filter": "{{ 1|attr('a') }}",
    "open": "{{ 1",
}
