"""The read models, one line each."""

from __future__ import annotations

from projections.ledger.model import LedgerModel
from projections.orders.model import OrdersModel
from projections.read_model import ReadModel
from projections.sources.model import SourcesModel

MODELS: tuple[ReadModel, ...] = (OrdersModel(), LedgerModel(), SourcesModel())
