"""bff's version, apart so that the pure parts can know it without what `bff` itself offers."""

__version__ = "0.1.0"
