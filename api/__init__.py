"""What programs and browsers ask: FastAPI under /api/v1, problem+json errors, default deny."""
