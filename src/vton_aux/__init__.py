"""Virtual try-on (CP-VTON) with auxiliary human segmentation learning."""
