"""Shipped for authors of formats and sinks: contracts, fakes and writers."""
