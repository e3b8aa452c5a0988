"""What people read: one module per report kind. Entry points ``hinomi.reports``."""
