"""Cards and match scores, measured and calibrated on pictures that training has not seen."""
