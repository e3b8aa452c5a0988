"""Microsoft Intune."""
