"""The nouns everything else is made of: frozen, typed, and free of any third-party import."""
