"""After random requests, the service has the same users and points as a model in memory."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)

Document = dict[str, Any]
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
DEGREES = st.integers(-90, 90).map(float)
FIRST, SECOND = "2010-10-03T09:36:30Z", "2010-10-03T09:36:31Z"
DATES = st.sampled_from([FIRST, SECOND])
POINTS = st.fixed_dictionaries({"lat": DEGREES, "lon": DEGREES, "date": DATES})
CHANGES = st.fixed_dictionaries({"lat": DEGREES}, optional={"date": DATES})
NEVER = '"0"'  # no version has this tag


def with_user_id(user: str, point: Document) -> Document:
    """Return the document of a point of the user with the path `user`."""
    return {**point, "user_id": int(user.removeprefix("/users/"))}


class Walkers(RuleBasedStateMachine):
    """A state machine whose rules make the same changes in the service and in the model."""

    client: httpx.Client
    users, points = Bundle[str]("users"), Bundle[str]("points")

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[str, Document] = {}  # documents by path; points in the order of their ids
        self.tags: dict[str, list[str]] = {}  # ETags of all versions, by path

    def add(self, path: str, tag: str, document: Document) -> str:
        """Add the document of a response to the model, and return its path."""
        self.model[path], self.tags[path] = document, [NEVER, tag]
        return path

    def points_of(self, user: str) -> dict[str, Document]:
        """Return the user's points in the model."""
        points = self.model.items()
        return {path: point for path, point in points if f"/users/{point.get('user_id')}" == user}

    def read_pages(self, user: str, limit: int, **times: str) -> dict[str, Document]:
        """Return the user's points from the service's pages of `limit` points."""
        points: dict[str, Document] = {}
        after: int | None = 0
        while after is not None:
            parameters: dict[str, str | int] = {"limit": limit, "after": after, **times}
            page = self.client.get(f"{user}/points", params=parameters).raise_for_status().json()
            points |= {f"/points/{point.pop('id')}": point for point in page["items"]}
            after = page["next"]
        return points

    def write(self, method: str, path: str, change: Document | None = None) -> httpx.Response:
        """Fail to write with an old ETag, then write with the newest, and return the response."""
        old, new = (
            self.client.request(method, path, headers={"If-Match": tag}, json=change)
            for tag in self.tags[path][-2:]
        )
        expected = (412, 200 if change else 204) if path in self.model else (404, 404)
        assert (old.status_code, new.status_code) == expected
        return new

    def patch(self, path: str, change: Document) -> None:
        """Change a document in the service and in the model."""
        response = self.write("PATCH", path, change)
        if path in self.model:
            self.model[path] |= change
            self.tags[path].append(response.headers["ETag"])

    @initialize(target=users, names=st.lists(NAMES, min_size=1, max_size=3))
    def create_users(self, names: list[str]) -> MultipleResults[str]:
        paths = []
        for name in names:
            created = self.client.post("/users", json={"username": name}).headers
            paths.append(self.add(created["Location"], created["ETag"], {"username": name}))
        return multiple(*paths)

    @rule(target=points, user=users, point=POINTS, times=st.integers(1, 3))
    def add_a_point(self, user: str, point: Document, times: int) -> MultipleResults[str]:
        key = {"Idempotency-Key": str(uuid4())}
        responses = [
            self.client.post(f"{user}/points", json=point, headers=key) for _ in range(times)
        ]
        if user not in self.model:
            assert {response.status_code for response in responses} == {404}
            return multiple()
        created = {
            (response.headers["Location"], response.headers["ETag"]) for response in responses
        }
        [(path, tag)] = created
        return multiple(self.add(path, tag, with_user_id(user, point)))

    @rule(target=points, user=users, points=st.lists(POINTS, max_size=3))
    def load_points(self, user: str, points: list[Document]) -> MultipleResults[str]:
        response = self.client.post(f"{user}/points/bulk", json=points)
        if user not in self.model:
            assert response.status_code == 404
            return multiple()
        assert response.json() == {"points": len(points)}
        new = list(self.read_pages(user, limit=100))[len(self.points_of(user)) :]
        for path, point in zip(new, points, strict=True):
            self.add(path, self.client.get(path).headers["ETag"], with_user_id(user, point))
        return multiple(*new)

    @rule(user=users, name=NAMES)
    def rename(self, user: str, name: str) -> None:
        self.patch(user, {"username": name})

    @rule(point=points, change=CHANGES)
    def move(self, point: str, change: Document) -> None:
        self.patch(point, change)

    @rule(path=users | points)
    def delete(self, path: str) -> None:
        self.write("DELETE", path)
        for deleted in [path, *self.points_of(path)]:
            self.model.pop(deleted, None)

    @rule(user=users)
    def list_points(self, user: str) -> None:
        if user not in self.model:
            assert self.client.get(f"{user}/points").status_code == 404
            return
        points = self.points_of(user)
        first = {path: point for path, point in points.items() if point["date"] == FIRST}
        assert list(self.read_pages(user, limit=2).items()) == list(points.items())
        assert self.read_pages(user, limit=2, since=FIRST, until=SECOND) == first

    def teardown(self) -> None:
        """Compare all documents at the end of a run."""
        for path, tags in self.tags.items():
            response = self.client.get(path)
            if path in self.model:
                assert response.headers["ETag"] == tags[-1]
                assert self.model[path].items() <= response.json().items()
            else:
                assert response.status_code == 404


@pytest.mark.parametrize("examples", [5, pytest.param(50, marks=pytest.mark.thorough)])
def test_the_service_agrees_with_the_model(client: httpx.Client, examples: int) -> None:
    Walkers.client = client
    run_settings = settings(
        max_examples=examples,
        stateful_step_count=20,
        phases=[Phase.generate],  # shrinking a failure would take minutes
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Walkers, settings=run_settings)
