"""Tenants leaving: closing, exporting, destroying, certifying; and quotas."""
