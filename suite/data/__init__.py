"""Reading data: packs, official archives, batched augmentation."""
