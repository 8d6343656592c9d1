"""Who a request is counted for, and whether it is: what an application knows once it is authenticated."""

from pydantic import BaseModel, ConfigDict


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class ProjectReference(_Value):
    """A project of an organization; None where it is not known."""

    organization_id: int | str | None = None
    project_id: int | str | None = None


class KeyOrganizationModel(_Value):
    """An organization and the project of it that a key belongs to."""

    pk: int | str
    project_pk: int | str


class TokenContext(_Value):
    """What a request itself says: whether it counts, and which SDK or tool sent it."""

    should_count: bool = True
    source: str | None = None


class ProjectTokenModel(_Value):
    """An authenticated request: its context, and its project if it belongs to one."""

    reference: ProjectReference | None = None
    context: TokenContext = TokenContext()

    def of_project(self, reference: ProjectReference | None) -> "ProjectTokenModel":
        """The same request, once it is known whose it is."""
        return self.model_copy(update={"reference": reference})
