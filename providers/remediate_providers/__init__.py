"""The providers, stores and local vendors that ship with remediate: one folder a vendor."""
