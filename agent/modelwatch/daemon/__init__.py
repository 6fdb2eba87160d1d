"""The agent: the only place that knows all the stages."""
