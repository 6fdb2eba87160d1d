"""Reading TensorFlow's files: what stands in them. The formats beside this folder judge whether that is a whole checkpoint."""
