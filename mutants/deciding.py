"""Who may ask, decide and extend, how often and until when."""

from mutants.safeguard import Safeguard

DECIDING: tuple[Safeguard, ...] = (
    Safeguard(
        name="self-approval is refused at the click",
        why="an admin's second account approves what the first one asked for",
        file="workflows/domain/policy.py",
        old="    if roster.is_same_person(by, request.requester):\n",
        new="    if False:\n",
        test="services/test_decide.py::test_nobody_decides_on_their_own_request_by_whatever_account",
    ),
    Safeguard(
        name="nobody is asked about their own request",
        why="the requester's own address is among those who may decide",
        file="workflows/domain/policy.py",
        old="            if not roster.is_same_person(email, requester):\n",
        new="            if email:\n",
        test="domain/test_policy.py::test_an_admin_who_asks_is_not_among_the_approvers",
    ),
    Safeguard(
        name="one human is one word",
        why="whoever has two accounts gives both of two approvals",
        file="workflows/domain/policy.py",
        old="    if any(roster.is_same_person(by, other) for other in others):\n",
        new="    if not others:\n",
        test="services/test_rights_by_now.py::test_two_addresses_of_one_human_cannot_both_approve",
    ),
    Safeguard(
        name="only who may decide decides",
        why="anybody who finds the button has a word",
        file="workflows/domain/policy.py",
        old="if by not in approvers_of(terms, request.place, roster, requester=request.requester):",
        new="if False:",
        test="services/test_decide.py::test_someone_who_is_not_an_approver_changes_nothing[sqlite]",
    ),
    Safeguard(
        name="decisions need a fresh reading",
        why="whoever lost the right an hour ago decides while W&B is down",
        file="workflows/services/requests.py",
        old="    if waited and not roster.is_fresh(deps.clock()):\n        raise Refused(",
        new="    if False:\n        raise Refused(",
        test="services/test_decide.py::test_nobody_decides_by_a_reading_that_is_older_than_a_minute[sqlite]",
    ),
    Safeguard(
        name="a decided request stays decided",
        why="a late click turns a denial into an approval",
        file="workflows/domain/requests.py",
        old="    if request.status is not RequestStatus.PENDING:\n        by =",
        new="    if False:\n        by =",
        test="services/test_decide.py::test_a_late_click_is_told_what_happened",
    ),
    Safeguard(
        name="a request lapses by its time, swept or not",
        why="an approval of last week's request is taken because the sweep is late",
        file="workflows/domain/requests.py",
        old="    if request.lapses_at <= now:\n",
        new="    if False:\n",
        test="services/test_decide.py::"
        "test_a_request_whose_time_has_passed_is_not_decided_even_before_the_sweep[sqlite]",
    ),
    Safeguard(
        name="the right is checked again at the effect",
        why="an approval by somebody who is no admin any more gives access",
        file="workflows/services/authority.py",
        old="            if not any(self._still_is(spec, approver, grant.place)"
        " for spec in terms.approvers):\n",
        new="            if not terms.approvers:\n",
        test="services/test_ensure_giving.py::"
        "test_whoever_lost_the_right_between_click_and_effect_gives_nothing",
    ),
    Safeguard(
        name="self-approval is refused at the effect",
        why="two accounts turn out to be one human's after the click",
        file="workflows/services/authority.py",
        old="            if roster.is_same_person(approver, grant.person):\n",
        new="            if False:\n",
        test="services/test_ensure_giving.py::test_who_turns_out_to_be_the_same_person_gives_nothing",
    ),
    Safeguard(
        name="the policy is asked again at the effect",
        why="what the policy forbids by now is given all the same",
        file="workflows/services/authority.py",
        old="        if not terms.allowed:\n",
        new="        if False:\n",
        test="services/test_ensure_giving.py::test_what_the_policy_no_longer_allows_is_not_given",
    ),
    Safeguard(
        name="extending needs the right to approve",
        why="anybody makes their own access last for ever",
        file="workflows/services/grants.py",
        old="        policy.authorize(deps.policy, request, by, roster)\n",
        new="",
        test="services/test_extend.py::test_nobody_extends_their_own_and_only_an_approver_extends",
    ),
    Safeguard(
        name="extending stays within the policy",
        why="thirty days become thirty years, one click at a time",
        file="workflows/services/grants.py",
        old="    if until - now > timedelta(seconds=terms.max_duration):\n",
        new="    if until < now:\n",
        test="services/test_extend.py::test_it_lasts_no_longer_than_the_policy_allows_from_now_on",
    ),
    Safeguard(
        name="one person alone does not extend what takes two",
        why="the second person is gone round by extending",
        file="workflows/services/grants.py",
        old="    if terms.approvals > 1:\n",
        new="    if False:\n",
        test="services/test_extend.py::test_what_takes_two_approvals_is_not_extended_by_one_person",
    ),
    Safeguard(
        name="what is over is not extended",
        why="access comes back after its end without being asked for",
        file="workflows/domain/grants.py",
        old="    if grant.ends_at <= now:\n",
        new="    if False:\n",
        test="services/test_extend.py::"
        "test_what_is_over_is_not_extended_whether_it_was_swept_or_not[sqlite-False]",
    ),
    Safeguard(
        name="a sweep looks again whether the time is up",
        why="what was extended a moment ago ends at its old end",
        file="workflows/domain/grants.py",
        old="    if not grant.is_live or grant.ends_at is None or grant.ends_at > now:\n",
        new="    if not grant.is_live:\n",
        test="services/test_extend.py::"
        "test_a_sweep_that_takes_rows_one_by_one_looks_again_whether_their_time_is_up[sqlite]",
    ),
    Safeguard(
        name="a person's requests are limited",
        why="one person buries what everybody else asks for",
        file="workflows/services/requests.py",
        old="    if too_much is not None:\n",
        new="    if False:\n",
        test="services/test_asking_limits.py::"
        "test_what_waits_of_a_person_is_counted_until_it_is_settled",
    ),
    Safeguard(
        name="counting and adding are one turn",
        why="many at once pass the limit together on PostgreSQL",
        file="workflows/storage/repositories.py",
        old="        in_turn = to_ask and ",
        new="        in_turn = not to_ask and ",
        test="storage/test_turns.py::"
        "test_who_asks_counts_what_was_asked_by_whoever_it_waited_for[the same place]",
    ),
    Safeguard(
        name="a reading from the future is not fresh",
        why="after the clock was set back an old right counts for hours",
        file="workflows/domain/roster.py",
        old="        return -AHEAD <= now - self.read_at <= FRESH_FOR\n",
        new="        return now - self.read_at <= FRESH_FOR\n",
        test="services/test_rights_by_now.py::test_by_a_reading_from_the_future_nobody_decides",
    ),
)
