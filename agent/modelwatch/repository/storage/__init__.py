"""Where a repository's keys live: a directory, later a bucket."""
