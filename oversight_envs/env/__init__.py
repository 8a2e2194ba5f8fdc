"""Protocols as PettingZoo and Gymnasium environments."""
