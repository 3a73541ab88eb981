"""kingfisher, where it is installed, for kinds that only it can end."""
