"""Whatever is done to users and points, the service says what a model in memory says."""

from typing import Any
from uuid import uuid4

import httpx
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


def owned(user: str, point: Document) -> Document:
    """The point as the user's."""
    return {**point, "user_id": int(user.removeprefix("/users/"))}


class Walkers(RuleBasedStateMachine):
    """Each rule does the same to the service and to the model."""

    client: httpx.Client
    users, points = Bundle[str]("users"), Bundle[str]("points")

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[str, Document] = {}  # by path, points in the order of their ids
        self.tags: dict[str, list[str]] = {}  # of every version, also of what is deleted

    def keep(self, path: str, tag: str, document: Document) -> str:
        """Put into the model what the service has made."""
        self.model[path], self.tags[path] = document, [NEVER, tag]
        return path

    def points_of(self, user: str) -> dict[str, Document]:
        """The user's points in the model."""
        points = self.model.items()
        return {path: each for path, each in points if f"/users/{each.get('user_id')}" == user}

    def listed(self, user: str, limit: int, **times: str) -> dict[str, Document]:
        """The user's points as the service lists them, `limit` to a page."""
        found: dict[str, Document] = {}
        after: int | None = 0
        while after is not None:
            some: dict[str, str | int] = {"limit": limit, "after": after, **times}
            page = self.client.get(f"{user}/points", params=some).raise_for_status().json()
            found |= {f"/points/{each.pop('id')}": each for each in page["items"]}
            after = page["next"]
        return found

    def write(self, method: str, path: str, change: Document | None = None) -> httpx.Response:
        """The answer to a write with the newest tag; with the one before it is refused."""
        old, new = (
            self.client.request(method, path, headers={"If-Match": tag}, json=change)
            for tag in self.tags[path][-2:]
        )
        expected = (412, 200 if change else 204) if path in self.model else (404, 404)
        assert (old.status_code, new.status_code) == expected
        return new

    def patch(self, path: str, change: Document) -> None:
        """Change what is there."""
        answer = self.write("PATCH", path, change)
        if path in self.model:
            self.model[path] |= change
            self.tags[path].append(answer.headers["ETag"])

    @initialize(target=users, names=st.lists(NAMES, min_size=1, max_size=3))
    def make_users(self, names: list[str]) -> MultipleResults[str]:
        paths = []
        for name in names:
            made = self.client.post("/users", json={"username": name}).headers
            paths.append(self.keep(made["Location"], made["ETag"], {"username": name}))
        return multiple(*paths)

    @rule(target=points, user=users, point=POINTS, times=st.integers(1, 3))
    def add_a_point(self, user: str, point: Document, times: int) -> MultipleResults[str]:
        key = {"Idempotency-Key": str(uuid4())}
        sent = [self.client.post(f"{user}/points", json=point, headers=key) for _ in range(times)]
        if user not in self.model:
            assert {each.status_code for each in sent} == {404}
            return multiple()
        [(path, tag)] = {(each.headers["Location"], each.headers["ETag"]) for each in sent}
        return multiple(self.keep(path, tag, owned(user, point)))

    @rule(target=points, user=users, points=st.lists(POINTS, max_size=3))
    def load_points(self, user: str, points: list[Document]) -> MultipleResults[str]:
        answer = self.client.post(f"{user}/points/bulk", json=points)
        if user not in self.model:
            assert answer.status_code == 404
            return multiple()
        assert answer.json() == {"points": len(points)}
        new = list(self.listed(user, limit=100))[len(self.points_of(user)) :]
        for path, point in zip(new, points, strict=True):
            self.keep(path, self.client.get(path).headers["ETag"], owned(user, point))
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
        for gone in [path, *self.points_of(path)]:
            self.model.pop(gone, None)

    @rule(user=users)
    def list_points(self, user: str) -> None:
        if user not in self.model:
            assert self.client.get(f"{user}/points").status_code == 404
            return
        mine = self.points_of(user)
        first = {path: each for path, each in mine.items() if each["date"] == FIRST}
        assert list(self.listed(user, limit=2).items()) == list(mine.items())
        assert self.listed(user, limit=2, since=FIRST, until=SECOND) == first

    def teardown(self) -> None:
        """At the end of each run, compare all."""
        for path, tags in self.tags.items():
            answer = self.client.get(path)
            if path in self.model:
                assert answer.headers["ETag"] == tags[-1]
                assert self.model[path].items() <= answer.json().items()
            else:
                assert answer.status_code == 404


def test_the_service_does_what_a_model_does(client: httpx.Client) -> None:
    Walkers.client = client
    few = settings(
        max_examples=20,
        stateful_step_count=20,
        phases=[Phase.generate],  # to shrink a failure would take minutes
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Walkers, settings=few)
