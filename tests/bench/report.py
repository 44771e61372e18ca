"""A picture of a month's report for the documentation, of a month that was made up.

python -m tests.bench.report        writes docs/images/report.jpg, with Debian's Chromium
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import cv2

from edge.oversight.page import page
from edge.oversight.report import reports
from tests.unit.oversight.month_log import month_log

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "report.jpg"
SIZE_WH = (1200, 1760)


def main() -> None:
    """Draw it."""
    records = month_log()
    verdict = f"verified: {len(records)} records as they were written (this month is simulated)"
    report = reports(records, "2026-11", "simulated/cabinet-1/audit", "edge", verdict)["committee"]
    with tempfile.TemporaryDirectory() as folder:
        file, drawn = Path(folder) / "report.html", Path(folder) / "report.png"
        file.write_text(page(report), encoding="utf-8")
        subprocess.run(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             f"--window-size={SIZE_WH[0]},{SIZE_WH[1]}", f"--screenshot={drawn}", file.as_uri()],
            check=True, capture_output=True,
        )  # fmt: skip
        picture = cv2.imread(str(drawn))
    assert picture is not None
    cv2.imwrite(str(PICTURE), picture, [cv2.IMWRITE_JPEG_QUALITY, 80])
    print(PICTURE)


if __name__ == "__main__":
    main()
