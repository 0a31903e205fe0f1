"""The read models, one line each."""

from __future__ import annotations

from projections.ledger.model import LedgerModel
from projections.orders.model import OrdersModel
from projections.read_model import ReadModel
from projections.redactions.model import RedactionsModel
from projections.search.entries import Indexing
from projections.sources.model import SourcesModel

NAMES: tuple[str, ...] = (
    OrdersModel.name,
    LedgerModel.name,
    SourcesModel.name,
    RedactionsModel.name,
)


def read_models(indexing: Indexing) -> tuple[ReadModel, ...]:
    """All of them, in the order of NAMES."""
    return OrdersModel(indexing), LedgerModel(), SourcesModel(), RedactionsModel()
