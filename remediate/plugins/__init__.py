"""What a plugin is: providers, stores, hosts, report formats, local vendors, and how they are found."""
