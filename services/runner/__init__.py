"""Executes flows. It talks to the message bus only, never to the database."""
