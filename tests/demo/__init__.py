"""`make demo`: one whole exchange with two partners, told step by step, and judged."""
