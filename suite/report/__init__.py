"""From stored records to tables, figures and one HTML page, without training anything."""
