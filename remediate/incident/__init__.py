"""An incident: its journal, the custody of its secret values, its policy, and the runner."""
