"""What is known of interactions with reviews, by the names that the slots of P5's families have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tastelm.data.aspects import NONE, Aspect
from tastelm.data.reviews import Reviews
from tastelm.prompting.writer import user_text

# Words of a review that are read.
READ = 100


@dataclass(frozen=True, eq=False)
class ReviewFacts:
    """Users and items by their texts, titles where there are any, stars, and what was written.

    told     R interactions
    stars    (R,) 1 to 5, NaN where nobody gave any
    reasons  place among the rows of the split -> the sentence that explains it, the feature this is about and how that is, "" for none
    names    (N,) the items as texts
    titles   (N,) what people call them, "" for none
    """

    told: Reviews
    stars: NDArray[np.float64]
    reasons: Mapping[int, Aspect]
    names: Sequence[str]
    titles: Sequence[str]

    def __len__(self) -> int:
        return len(self.told)

    def record(self, row: int) -> dict[str, Any]:
        """Slot -> value of what is known: `user` and `name`, `item` and `title`, `stars`, `headline` and `summary`, `review`, `explanation`,
        `feature`, `opinion`."""
        who, item = user_text(int(self.told.users[row])), int(self.told.items[row])
        sentence, feature, opinion = self.reasons.get(int(self.told.rows[row]), NONE)
        summary = self.told.summaries[row]
        found: dict[str, Any] = {"user": who, "name": who, "item": self.names[item], "title": self.titles[item], "headline": summary, "summary": summary}
        found |= {"review": first_words(self.told.texts[row]), "explanation": sentence, "feature": feature, "opinion": opinion}
        known = {slot: value for slot, value in found.items() if value}
        stars = self.stars[row]
        return known if np.isnan(stars) else known | {"stars": round(float(stars))}


def first_words(review: str) -> str:
    """As much of a review as is read."""
    return " ".join(review.split()[:READ])
