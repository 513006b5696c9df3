"""What a deployment, and not the workspace, knows of its mails: where the public web is, and what it signs with."""

from dataclasses import dataclass

from engine.channels.mail.dkim import Signer


@dataclass(frozen=True)
class Deployment:
    """Anything may be missing; a mail then lacks what rests on it. `public_url` and `bounce_domain` count only with a `secret`."""

    public_url: str | None = None
    secret: bytes | None = None
    bounce_domain: str | None = None
    signer: Signer | None = None

    @property
    def refuses_by_click(self) -> bool:
        return self.public_url is not None and self.secret is not None


NO_DEPLOYMENT = Deployment()
