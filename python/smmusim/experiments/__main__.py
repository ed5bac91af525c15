import sys

from smmusim.experiments.runner import main

sys.exit(main())
