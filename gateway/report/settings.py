"""Settings of reports."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from contract.process.home import Place, home


class ReportSettings(BaseModel):
    report_dir: Annotated[Path, Place()] = Field(
        default_factory=lambda: home() / "reports",
        description="Folder of the reports that are made each night.",
    )
    nightly_reports: bool = Field(
        True, description="Whether reports are made each night, of days, weeks and months."
    )
    report_keep_days: int = Field(
        400, ge=1, le=36_500, description="Reports of the folder are deleted after so long."
    )
