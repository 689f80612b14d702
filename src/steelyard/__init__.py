"""Steelyard (杆秤): evaluates large language models."""

from steelyard.version import __version__ as __version__
