"""HashiCorp Vault and OpenBao: tokens, and the KV version 2 store."""
