"""`shopsight report`: the log of a day, a week or a month as one page. Only `charts` imports the
plotting library, and no process that serves shoppers imports that."""
