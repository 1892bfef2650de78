"""Broken networks: servers that hang, lie and flood, lines that break; `make networks` gives the figures."""
