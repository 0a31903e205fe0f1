"""Traces, by OpenTelemetry: an optional extra, imported only where it is asked for."""
