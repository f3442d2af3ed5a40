"""The form of a webhook."""

from django import forms

from annotation.choices import WebhookEvent


class WebhookForm(forms.Form):
    """Where to, and what."""

    url = forms.CharField(
        max_length=500,
        label="Address",
        help_text="https:// and a host of the open internet.",
        widget=forms.URLInput(),
    )
    events = forms.MultipleChoiceField(
        choices=[choice for choice in WebhookEvent.choices if choice[0] != WebhookEvent.TEST],
        widget=forms.CheckboxSelectMultiple,
        label="Tell it when",
    )
