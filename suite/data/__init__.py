"""Data sets: download, archives, packs, fixed splits, features of sound, augmentation of whole batches."""
