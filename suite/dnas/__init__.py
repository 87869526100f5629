"""Differentiable architecture search: channel groups, masks, penalties, discretisation, export."""
