"""The contract suites that providers, stores and report formats pass: ours and anyone's."""
