"""Imported in a notebook's kernel: its demo films stand still but where a filmstrip looks.

What is shown of them stays as it was; that they move is tested with the films.
"""

from demo import film

PICTURES = (1, 5)
"""How many these notebooks show of a clip; each is the middle one of as many equal parts."""


class StandingFilm(film.Film):
    def _frame(self, number):
        shown = {(2 * part + 1) * self.count // (2 * of) for of in PICTURES for part in range(of)}
        if number == 0 or number in shown:
            self.last = super()._frame(number)
        self.last.pts = number
        return self.last


film.Film = StandingFilm
