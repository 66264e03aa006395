"""What `ensure`, its fences and its worker do to W&B, and what is told of it."""

from mutants.safeguard import Safeguard

CARRYING_OUT: tuple[Safeguard, ...] = (
    Safeguard(
        name="what a pass was planned for is looked at again",
        why="a grant that ends while it is given counts as ended, and W&B still has it",
        file="workflows/services/leased.py",
        old="                if self.states != planned_for:",
        new="                if False:",
        test="services/test_ensure_ending.py::"
        "test_what_comes_to_its_end_while_it_is_given_is_only_over_once_it_is_taken_back",
    ),
    Safeguard(
        name="what a pass is planned for is taken down before anything is stored",
        why="a grant that ends while a hand is noted counts as ended, and W&B has it for ever",
        file="workflows/services/standings.py",
        old="        plan = self._plan(reading, held)\n",
        new="        plan = self._plan(reading, held)\n        planned_for = self._kept.states\n",
        test="services/test_enforcing.py::"
        "test_what_comes_to_its_end_while_a_hand_is_noted_is_not_given_once_more",
    ),
    Safeguard(
        name="what is over is taken back before it counts as ended",
        why="the grant says ended while W&B holds it until the next look",
        file="workflows/domain/planning.py",
        old="    if not foreign:\n        return Plan(due, Step.WRITE)\n",
        new="    if not foreign:\n"
        "        over = any(grant.status is GrantStatus.ENDING for grant in grants)\n"
        "        return Plan(due, Step.NOTHING if over else Step.WRITE)\n",
        test="search/test_search.py::"
        "test_no_fault_at_any_moment_and_no_two_together_break_a_promise[raise]",
    ),
    Safeguard(
        name="what a stalled process draws over newer news is drawn again",
        why="an old card with live buttons stays in Slack",
        file="workflows/services/notices.py",
        old="        if told and theirs is not None and theirs.drawn != receipt.drawn:\n",
        new="        if False:\n",
        test="services/test_told_once.py::"
        "test_what_a_stalled_worker_draws_over_newer_news_is_drawn_once_more",
    ),
    Safeguard(
        name="what was there is noted before the first write",
        why="the end takes away what was there before us",
        file="workflows/domain/standings.py",
        old="    prior = standing.prior if landed_late else held\n",
        new="    prior = standing.prior\n",
        test="services/test_ensure_ending.py::test_what_was_held_before_is_put_back",
    ),
    Safeguard(
        name="our own write that lands late is not theirs",
        why="what we sent for an earlier grant is put back at the end, and stays for ever",
        file="workflows/domain/standings.py",
        old="    landed_late = held in _may_land(standing) and held != standing.last_seen\n",
        new="    landed_late = False\n",
        test="domain/test_standing_notes.py::"
        "test_what_we_sent_and_what_landed_late_is_not_taken_for_theirs",
    ),
    Safeguard(
        name="what was there belongs to the standing, not to a grant",
        why="the second of two grants takes the first one's role for theirs",
        file="workflows/services/standings.py",
        old="        if standing.noted and standing.account == reading.account:\n",
        new="        if False:\n",
        test="services/test_ensure_ending.py::test_of_two_overlapping_grants_either_may_end_first",
    ),
    Safeguard(
        name="the last end puts back what was there",
        why="who was a viewer before is out of the team afterwards",
        file="workflows/domain/standings.py",
        old="    if not live:\n        return prior\n",
        new="    if not live:\n        return None\n",
        test="services/test_ensure_ending.py::test_what_was_held_before_is_put_back",
    ),
    Safeguard(
        name="it is looked at again after an end",
        why="a write that lands late stays for ever",
        file="workflows/domain/standings.py",
        old="next((last_end_at + wait for wait in RECHECKS if last_end_at + wait > now), None)\n",
        new="None\n",
        test="services/test_ensure_ending.py::"
        "test_a_write_that_lands_late_is_found_by_a_second_look",
    ),
    Safeguard(
        name="a change is believed when it is read back",
        why="people are told that they have what they have not",
        file="workflows/services/writing.py",
        old="        if after.held != wanted and after.exact:\n",
        new="        if False:\n",
        test="services/test_ensure_faults.py::"
        "test_a_change_that_is_taken_and_not_shown_is_sent_again",
    ),
    Safeguard(
        name="right after a write an old reading is not believed",
        why="what we took back a moment ago is noted as theirs, and stays",
        file="workflows/domain/standings.py",
        old="SETTLING = timedelta(seconds=30)\n",
        new="SETTLING = timedelta(0)\n",
        test="domain/test_standings_lag.py::"
        "test_for_a_moment_after_a_write_only_what_it_left_is_believed",
    ),
    Safeguard(
        name="what we sent is stored before it is sent",
        why="after a lost answer our own write counts as somebody else's, and is left",
        file="workflows/domain/standings.py",
        old="    unanswered = (*dict.fromkeys(standing.unanswered), wanted)\n",
        new="    unanswered = standing.unanswered\n",
        test="services/test_ensure_faults.py::test_a_lost_answer_costs_only_another_try",
    ),
    Safeguard(
        name="somebody else's change is seen as theirs",
        why="what an admin took away by hand is given back",
        file="workflows/domain/planning.py",
        old="    foreign = held not in ours(standing)\n",
        new="    foreign = False\n",
        test="services/test_ensure_drift.py::test_access_removed_by_hand_is_not_given_back",
    ),
    Safeguard(
        name="a role raised by hand is not lowered",
        why="an approval takes away what an admin gave",
        file="workflows/domain/planning.py",
        old="        given = wanted_role(held, issued)\n",
        new="        given = wanted_role(None, issued)\n",
        test="services/test_ensure_drift.py::"
        "test_a_later_approval_lowers_nothing_that_was_raised_by_hand",
    ),
    Safeguard(
        name="policy fights a few times and no more",
        why="we and an identity provider revert each other each hour for ever",
        file="workflows/domain/planning.py",
        old="    if standing.fights >= MOST_FIGHTS:\n",
        new="    if False:\n",
        test="domain/test_drift.py::test_enforcing_stops_after_a_few_fights",
    ),
    Safeguard(
        name="what a hand made of live access is not called active",
        why="people count on a role that somebody took from them",
        file="workflows/domain/drift.py",
        old="    if word is not None:\n",
        new="    if False:\n",
        test="services/test_told_of_hands.py::"
        "test_the_requesters_message_says_what_somebody_set_and_that_the_admins_are_asked",
    ),
    Safeguard(
        name="no list calls active what a hand took",
        why="the Home tab and the command contradict the requester's own message",
        file="workflows/services/overview.py",
        old="        if (standing := there.get(standing_key(grant.person, grant.place)))\n",
        new="        if (standing := None)\n",
        test="services/test_overview.py::"
        "test_what_somebody_changed_by_hand_is_seen_beside_what_was_given",
    ),
    Safeguard(
        name="what only the end finds of a hand is told",
        why="nobody ever hears that the access was gone before its time",
        file="workflows/domain/planning.py",
        old="    found_late = done.after not in ours(standing) and not done.told\n",
        new="    found_late = False\n",
        test="services/test_told_of_hands.py::"
        "test_what_a_hand_had_set_back_before_the_end_is_said_with_the_end",
    ),
    Safeguard(
        name="a lost answer is nobody's hand",
        why="an end that the bot itself has carried out is told as somebody's change",
        file="workflows/domain/planning.py",
        old="    found_late = done.after not in ours(standing) and not done.told\n",
        new="    found_late = done.after != standing.last_seen and not done.told\n",
        test="services/test_told_of_hands.py::"
        "test_a_taking_back_whose_answer_was_lost_is_nobodys_hand",
    ),
    Safeguard(
        name="the last admin stays",
        why="a team is left without anybody who could let people in",
        file="workflows/domain/standings.py",
        old="    if lowers_admin(held, wanted) and not other_admins:\n",
        new="    if False:\n",
        test="services/test_ensure_fences.py::"
        "test_the_last_admin_is_stuck_told_once_and_goes_on_when_there_is_another",
    ),
    Safeguard(
        name="who is a new admin counts as the other one",
        why="an end is said to be stuck because W&B was read before there was another admin",
        file="workflows/services/writing.py",
        old="rosters.newer().admins(place)",
        new="rosters.current().admins(place)",
        test="services/test_other_admins.py::"
        "test_who_became_an_admin_a_moment_ago_is_the_other_admin",
    ),
    Safeguard(
        name="two last admins do not vouch for each other",
        why="both are lowered in the same moment",
        file="workflows/services/writing.py",
        old="        if theirs.version != self._version:\n",
        new="        if False:\n",
        test="services/test_other_admins.py::"
        "test_of_two_admins_whose_access_ends_at_once_one_stays_and_it_is_told",
    ),
    Safeguard(
        name="the bot's own account is never changed",
        why="the bot locks itself out",
        file="workflows/domain/standings.py",
        old="    if own:  # what may not be lowered again is not raised either\n",
        new="    if False:\n",
        test="services/test_ensure_fences.py::test_the_bots_own_account_is_never_lowered",
    ),
    Safeguard(
        name="service accounts are never changed",
        why="a pipeline loses its access",
        file="workflows/domain/standings.py",
        old="    if not reading.human:\n",
        new="    if False:\n",
        test="services/test_ensure_fences.py::test_an_account_that_became_a_service_account_is_stuck",
    ),
    Safeguard(
        name="a lost lease stores nothing",
        why="two workers change one person at a time",
        file="workflows/services/leased.py",
        old="            if not work.outbox.hold(self._job, now=self._deps.clock()):\n",
        new="            if False:\n",
        test="services/test_ensure_faults.py::test_a_lost_lease_stores_nothing_more",
    ),
    Safeguard(
        name="no write begins long after its lease was seen",
        why="a process that stood still writes what another has changed since",
        file="workflows/services/leased.py",
        old="        if self._deps.clock() - now > WRITE_WITHIN:\n",
        new="        if False:\n",
        test="services/test_write_in_time.py::"
        "test_a_write_does_not_begin_long_after_its_lease_was_seen",
    ),
    Safeguard(
        name="a refused key stops every job",
        why="thousands of calls with a revoked key, and as many alarms",
        file="workflows/services/gate.py",
        old="        raise GateClosed(stored.why)\n",
        new="        return\n",
        test="services/test_gate.py::test_a_refused_key_stops_every_job_but_one_half_a_minute",
    ),
    Safeguard(
        name="W&B is read before it is written",
        why="after a restore of a backup we act on what was true last week",
        file="workflows/services/standings.py",
        old="        if why := self._deps.held_up():\n",
        new='        if why := "":\n',
        test="services/test_start.py::"
        "test_before_the_first_reading_nothing_is_given_or_taken_back_and_people_are_told",
    ),
    Safeguard(
        name="done comes after the effect",
        why="a crash in between loses what was owed",
        file="workflows/worker.py",
        old="            again_at = HANDLERS[job.kind](self._deps, job)\n",
        new="            self._finish(job, again_at=None)\n"
        "            again_at = HANDLERS[job.kind](self._deps, job)\n",
        test="services/test_crash.py::test_a_crash_while_taking_back_costs_only_a_second_try",
    ),
    Safeguard(
        name="no try is the last",
        why="access that is over stays because W&B was down for an evening",
        file="workflows/worker.py",
        old="        except AccessError as error:\n            self._postpone(job, error)\n",
        new="        except AccessError as error:\n"
        "            if job.attempts < 5:\n"
        "                self._postpone(job, error)\n"
        "            else:\n"
        "                self._finish(job, again_at=None)\n",
        test="services/test_late_landing.py::"
        "test_what_landed_late_and_meets_a_fence_is_told_once_and_taken_back_when_it_can_be[sqlite]",
    ),
    Safeguard(
        name="an end owes its taking back",
        why="the grant ends on paper and the role stays",
        file="workflows/domain/reactions.py",
        old="    GrantExpired: (JobKind.ENSURE,),\n",
        new="    GrantExpired: (),\n",
        test="services/test_expiry.py::"
        "test_ends_that_came_while_the_process_was_down_are_handled_at_the_first_tick[sqlite]",
    ),
    Safeguard(
        name="where a message goes is stored before it is posted",
        why="after a crash everybody is asked twice",
        file="workflows/services/notices.py",
        old="    if known is None:\n        _keep(deps, job, subject, receipt)\n",
        new="",
        test="services/test_notices.py::"
        "test_a_crash_between_posting_and_storing_where_is_found_out[sqlite]",
    ),
    Safeguard(
        name="people are told after it is stored",
        why="a message tells of a decision that was rolled back",
        file="workflows/storage/unit_of_work.py",
        old='            point("about to commit")\n',
        new='            self._wake(work.owes)\n            point("about to commit")\n',
        test="storage/test_outbox.py::test_owing_something_wakes_the_worker_after_the_commit",
    ),
    Safeguard(
        name="who asks for patience gets it within bounds",
        why="one absurd Retry-After and nothing is taken back for ten years",
        file="workflows/domain/retry.py",
        old="        wait = max(wait, min(CAP, max(0.0, retry_after)))\n"
        "    return now + timedelta(seconds=min(CAP, wait) * (1 + 0.25 * spread))\n",
        new="        wait = max(wait, retry_after)\n"
        "    return now + timedelta(seconds=wait * (1 + 0.25 * spread))\n",
        test="domain/test_retry.py::test_the_other_sides_word_is_kept_within_bounds",
    ),
    Safeguard(
        name="what is stuck is told once",
        why="an alarm at every try, all night",
        file="workflows/domain/grants.py",
        old="    if grant.status is not GrantStatus.ENDING or grant.stuck:\n",
        new="    if grant.status is not GrantStatus.ENDING:\n",
        test="services/test_told_once.py::"
        "test_an_end_that_is_stuck_for_reasons_that_alternate_is_told_once",
    ),
    Safeguard(
        name="messages give way while people wait",
        why="in a rush people are told to come again, because messages are sent meanwhile",
        file="workflows/worker.py",
        old="        return self.is_behind or self._is_rush()\n",
        new="        return self.is_behind\n",
        test="test_worker.py::test_while_people_wait_for_an_answer_only_alarms_are_sent",
    ),
)
