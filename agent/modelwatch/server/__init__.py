"""The team's model repository over HTTP: the API, Gradient's own API, and the pages. Needs the extra ``server``."""
