"""What one would write by hand: Flask, httpx, threads and pydantic, served by gunicorn."""
