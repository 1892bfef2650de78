"""Rule R2: the one practice user that stands as author of everything the agent writes."""

from agent.domain.practice import StaffMember


def attribution_problem(user: StaffMember | None) -> str | None:
    """Why this staff member cannot be the recorded author; None if all is well.

    The role must hold no permission at all: the user is attribution, not a login to work with.
    """
    if user is None:
        return "there is no staff member with this login name"
    if not user.active:
        return "the staff member is not active"
    if not user.initials or not user.name:
        return "the staff member has no initials or no name"
    if user.permissions:
        return f"the staff member's role has {len(user.permissions)} permission(s), and must have none"
    return None
