"""Staff and partners writing into one appointment book at once, in processes of their own (promise P13)."""
