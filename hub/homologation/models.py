"""What a test account's homologation has shown so far, and what it ended with."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

CASES_IN_ALL = 43


class Homologation(models.Model):
    """One attempt of one test account at the whole list; ended by a certificate or by starting anew."""

    seller = models.ForeignKey(
        "hub.Seller", models.CASCADE, related_name="+", db_index=False, verbose_name=_("seller")
    )
    started_at = models.DateTimeField(_("started"))
    """Only calls from then on count."""
    started_by = models.ForeignKey(
        "hub.User", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("started by")
    )
    closed_at = models.DateTimeField(_("ended"), null=True, blank=True)
    newest_call_id = models.BigIntegerField(default=0)
    """The newest call looked at (`ApiCall.id`); nothing is judged again before there is a newer one."""
    certificate = models.CharField(_("certificate"), max_length=20, null=True, blank=True)  # noqa: DJ001
    """The certificate's number; null where none was issued."""
    integration = models.CharField(_("integration"), max_length=150, blank=True)
    """Whose certificate it is: the ERP or shop module, as its developer names it."""

    class Meta:
        verbose_name = _("homologation")
        verbose_name_plural = _("homologations")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["seller"], condition=Q(closed_at__isnull=True), name="hub_homologation_one_open"
            ),
            models.UniqueConstraint(fields=["certificate"], name="hub_homologation_certificate_once"),
            models.CheckConstraint(
                condition=Q(certificate__isnull=True) | Q(closed_at__isnull=False),
                name="hub_homologation_certificate_closes",
            ),
        ]
        # A seller's homologations, newest first.
        indexes = [models.Index(F("seller"), F("id").desc(), name="hub_homologation_of_seller")]

    def __str__(self) -> str:
        return self.certificate or f"{self.seller} · {self.started_at:%d/%m/%Y}"


class HomologationCase(models.Model):
    """What was found of one case: the call that decided it, kept longer than the log keeps calls."""

    class State(models.TextChoices):
        PASSED = "passed", _("Passed")
        FAILING = "failing", _("Not yet right")
        UNUSED = "unused", _("Not used")

    homologation = models.ForeignKey(
        Homologation, models.CASCADE, related_name="cases", verbose_name=_("homologation")
    )
    number = models.PositiveSmallIntegerField(_("case"))
    state = models.CharField(_("state"), max_length=10, choices=State)
    decided_at = models.DateTimeField(_("when"), null=True, blank=True)
    """When the call came that decided the case."""
    problem = models.JSONField(_("what was wrong"), default=dict, blank=True)
    """A sentence to be translated in `text`, and the `values` it names; empty when nothing was wrong."""
    call = models.JSONField(_("call"), default=dict, blank=True)
    """The deciding call: id, method, path, query, status, request, answer, request_id, program."""

    class Meta:
        verbose_name = _("case")
        verbose_name_plural = _("cases")
        constraints = [
            models.UniqueConstraint(fields=["homologation", "number"], name="hub_homologation_case_once"),
            models.CheckConstraint(
                condition=Q(number__range=(1, CASES_IN_ALL)), name="hub_homologation_case_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["passed", "failing", "unused"]),
                name="hub_homologation_case_state_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} · {self.get_state_display()}"

    def keep(self, problem: dict[str, Any], call: dict[str, Any]) -> None:
        """Take over what a call showed."""
        self.state = self.State.FAILING if problem else self.State.PASSED
        self.problem, self.call = problem, call
