"""The read models, one line each."""

from __future__ import annotations

from projections.orders.model import OrdersModel
from projections.read_model import ReadModel

MODELS: tuple[ReadModel, ...] = (OrdersModel(),)
