"""Canaries: started, warmed, promoted, rolled back, by hand or by the verdict."""
