"""The other clones: what collaborators do with theirs once the history is clean elsewhere."""
