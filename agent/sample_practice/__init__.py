"""A believable German practice for trying things out, made from a seed; nobody in it exists.

For the demo, the tests, the benchmarks and `otv-agent practice generate`. It
writes through the database adapters like everybody else, and nothing of the
agent itself depends on it.
"""

from agent.sample_practice.generate import generate_practice
from agent.sample_practice.plan import GeneratedPractice, KnownPatient, PracticePlan, Story

__all__ = ["GeneratedPractice", "KnownPatient", "PracticePlan", "Story", "generate_practice"]
