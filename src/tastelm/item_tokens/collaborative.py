"""Collaborative tokens: items that the same users have share their first tokens."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from tastelm.data.sequences import Sequences
from tastelm.errors import SettingError
from tastelm.item_tokens.base import Codes, ItemTokens, numbered, of_levels
from tastelm.item_tokens.kmeans import kmeans
from tastelm.item_tokens.sequential import check_items

# Up to here LAPACK is as fast as Lanczos, and its eigenvectors do not depend on a start.
DENSE = 200


def collaborative_tokens(train: Sequences, n_items: int, *, clusters: int, leaf: int, seed: int) -> ItemTokens:
    """The path to an item in a tree of clusters, and its number within the last cluster, given in shuffled order (Hua et al. 2023).

    train     a sequence of item codes 0..N-1 for each user; two items are close where many users have both
    n_items   N; items that share no user with another make up a cluster of their own
    clusters  at least 2: into how many a cluster is divided
    leaf      at least `clusters`: a cluster of more items is divided again

    Each division is a spectral clustering (Ng, Jordan and Weiss 2001): k-means of the rows, brought to unit length, of the first eigenvectors
    of the normalised Laplacian. The mean degree is added to each degree (Qin and Rohe 2013), without which a handful of rare items would
    be cut off at a time. Paths differ in length, and the number stands in a level of its own, so no item begins another.
    Raises DataError for a code that is no item, SettingError for clusters or a leaf out of range.
    """
    if not 2 <= clusters <= leaf:
        raise SettingError(f"clusters {clusters}, leaf {leaf}: divide into at least 2 clusters, and let a leaf hold at least as many items.")
    check_items(train, n_items)
    rng = np.random.default_rng(seed)
    owned = ownership(train, n_items)
    leaves: list[tuple[Codes, tuple[int, ...]]] = []
    waiting: list[tuple[Codes, tuple[int, ...]]] = [(np.arange(n_items), ())]
    while waiting:
        items, path = waiting.pop()
        if len(items) <= leaf:
            leaves.append((items, path))
            continue
        groups = _divided(owned[:, items], clusters, rng)
        waiting += [(items[groups == group], (*path, int(group))) for group in np.unique(groups)]
    depth = max(len(path) for _, path in leaves)
    codes = np.full((n_items, depth + 1), -1, np.int64)
    home = np.empty(n_items, np.int64)
    for place, (items, path) in enumerate(leaves):
        codes[items, : len(path)] = path
        home[items] = place
    codes[:, depth] = numbered(home, rng)
    sizes = (*(clusters,) * depth, leaf)
    return ItemTokens("collaborative", of_levels(codes, sizes), sum(sizes), sizes, (f"{len(leaves)} clusters of at most {leaf} items, {depth} levels deep.",))


def ownership(train: Sequences, n_items: int) -> sparse.csc_array:
    """(U, N) 1 where a user has an item."""
    table = sparse.csc_array((np.ones(len(train.values)), (train.owners, train.values)), shape=(len(train), n_items))
    table.sum_duplicates()
    table.data[:] = 1.0
    return table


def _divided(owned: sparse.csc_array, clusters: int, rng: np.random.Generator) -> NDArray[np.integer]:
    """(n,) the cluster of each item of the table (U, n); items that share no user with another are a cluster of their own."""
    several = owned.sum(1) > 1
    owned = owned.tocsr()[np.flatnonzero(several)].tocsc()
    degrees = owned.T @ (owned.sum(1) - 1)
    near = np.flatnonzero(degrees)
    groups = np.zeros(owned.shape[1], np.int64)
    if len(near) < len(groups):
        clusters -= 1
        groups[:] = clusters
    if clusters > 1 and len(near) > clusters:
        groups[near] = kmeans(_embedded(owned[:, near], degrees[near], clusters, rng), clusters, rng)[0]
    else:
        groups[near] = np.arange(len(near)) % clusters
    if len(np.unique(groups)) == 1:
        # Nothing tells the items apart.
        groups = rng.permutation(len(groups)) % (clusters + 1)
    return groups


def _embedded(owned: sparse.csc_array, degrees: NDArray[np.float64], width: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """(n, width) unit rows of the eigenvectors of the smallest eigenvalues of the Laplacian: the largest of the scaled co-occurrences.

    The co-occurrences themselves are never written out for many items: a product with them is two products with the table.
    """
    scale = 1 / np.sqrt(degrees + degrees.mean())
    alone = np.asarray(owned.sum(0)).ravel() * scale**2
    scaled = owned * scale
    n = len(degrees)
    if n <= DENSE:
        table = (scaled.T @ scaled).toarray() - np.diag(alone)
        # All of them: where only some are asked for, LAPACK's routine gives up on tables with many like eigenvalues.
        vectors = linalg.eigh(table, driver="evd")[1][:, n - width :]
    else:
        transposed = scaled.T.tocsr()
        scaled = scaled.tocsr()
        product = LinearOperator((n, n), matvec=lambda x: transposed @ (scaled @ x) - alone * x, dtype=np.float64)
        try:
            vectors = eigsh(product, k=width, which="LA", v0=rng.standard_normal(n), tol=1e-4)[1]
        except ArpackNoConvergence as error:
            # What has converged parts the items too.
            vectors = error.eigenvectors
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, np.finfo(np.float64).tiny), np.float32)
