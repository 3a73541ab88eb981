"""The pipeline, one module a stage. A stage is found by being here: add a file, change none."""
