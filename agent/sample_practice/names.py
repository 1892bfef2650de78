"""Names as they stand in the card index of a German practice: data, and nothing else.

Given names go by the decade in which they were fashionable, so that a
great-grandmother is not called Mia. Family names carry what name matching
has to live with: umlauts, ß, hyphens, particles, apostrophes and the letters
of the languages that patients brought along. Nobody real is meant.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate


def _list(text: str) -> tuple[str, ...]:
    """One name per comma; names may hold blanks."""
    return tuple(name.strip() for name in text.replace("\n", ",").split(",") if name.strip())


@dataclass(frozen=True)
class NamePool:
    """The names of one origin; `women` and `men` are (old, middle, young) generations."""

    weight: int
    families: tuple[str, ...]
    women: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
    men: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]

    @cached_property
    def family_weights(self) -> tuple[float, ...]:
        """Running totals; the first families of a list are the frequent ones, as in life."""
        return tuple(accumulate(1 / (rank + 8) for rank in range(len(self.families))))


def _one_generation(names: str) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    listed = _list(names)
    return listed, listed, listed


GERMAN = NamePool(
    weight=80,
    families=_list("""
        Müller, Schmidt, Schneider, Fischer, Weber, Meyer, Wagner, Becker, Schulz, Hoffmann, Schäfer, Koch
        Bauer, Richter, Klein, Wolf, Schröder, Neumann, Schwarz, Zimmermann, Braun, Krüger, Hofmann
        Hartmann, Lange, Schmitt, Werner, Krause, Meier, Lehmann, Schmid, Schulze, Maier, Köhler, Herrmann
        König, Walter, Mayer, Huber, Kaiser, Fuchs, Peters, Lang, Scholz, Möller, Weiß, Jung, Hahn
        Schubert, Vogel, Friedrich, Keller, Günther, Frank, Berger, Winkler, Roth, Beck, Lorenz, Baumann
        Franke, Albrecht, Schuster, Simon, Ludwig, Böhm, Winter, Kraus, Martin, Schumacher, Krämer, Vogt
        Stein, Jäger, Otto, Sommer, Groß, Seidel, Heinrich, Brandt, Haas, Schreiber, Graf, Dietrich
        Ziegler, Kuhn, Kühn, Pohl, Engel, Horn, Busch, Bergmann, Thomas, Voigt, Sauer, Arnold, Wolff
        Pfeiffer, Strauß, Weißmann, Kießling, Großmann, Preuß, Nußbaum, Größl, Übelacker, Öhlschläger
        Ährenfeld, Zeißler, Bäuerle, Häußermann, Dörfler, Grünwald, Käßmann, Obermeier, Niedermayr
        Hinterhuber, Brandstätter, Moosburger, Hölzl, Kreuzpointner, Stöckl, Rößner, von der Heide
        von Lindenau, von Bärenstein, zu Hohenau, von und zu Altmühl, vom Bruch, zur Linde, Müller-Lüdeke
        Schmidt-Weiß, Meyer-Schäfer, Bauer-Kühn, Hoffmann-Groß, Weber-Öztürk
    """),
    women=(
        _list("""
            Ursula, Ingrid, Helga, Renate, Gisela, Christa, Hannelore, Elfriede, Gertrud, Erika, Waltraud
            Hildegard, Irmgard, Edeltraud, Rosemarie, Brigitte, Käthe, Lieselotte, Anneliese, Margarete
            Roswitha, Ilse
        """),
        _list("""
            Sabine, Susanne, Petra, Birgit, Andrea, Martina, Claudia, Heike, Gabriele, Kerstin, Silke
            Stefanie, Nicole, Katrin, Katharina, Sandra, Anja, Melanie, Julia, Christine, Jördis, Bärbel
            Dörte, Bärbel-Marie, Anne-Kathrin, Eva-Maria, Daniela, Tanja, Bianca, Franziska, Theresia
            Veronika
        """),
        _list("""
            Mia, Emma, Hannah, Sophia, Anna, Lea, Lena, Marie, Leonie, Lina, Clara, Laura, Johanna, Luisa
            Charlotte, Ida, Frieda, Mathilda, Greta, Amelie, Antonia, Paula, Zoë, Chloë, Jette, Anna-Lena
            Marlene, Magdalena
        """),
    ),
    men=(
        _list("""
            Hans, Günter, Karl, Heinz, Werner, Gerhard, Helmut, Horst, Wolfgang, Manfred, Kurt, Erich
            Walter, Rolf, Siegfried, Herbert, Alfred, Ernst, Hans-Jürgen, Karl-Heinz, Götz, Ludwig, Xaver
            Alois, Korbinian
        """),
        _list("""
            Thomas, Michael, Andreas, Stefan, Frank, Peter, Jürgen, Jörg, Uwe, Ralf, Torsten, Markus
            Christian, Martin, Matthias, Alexander, Sven, Kai-Uwe, Björn, Sören, Rüdiger, Florian
            Sebastian, Tobias, Daniel, Jan, Hans-Peter, Günther, Robert, Maximilian
        """),
        _list("""
            Ben, Paul, Leon, Finn, Elias, Jonas, Luis, Noah, Felix, Lukas, Max, Henry, Emil, Oskar, Anton
            Theo, Jakob, Moritz, Julian, David, Jannik, Tjark, René, Raphaël, Linus, Mats, Vinzenz, Quirin
            Karl, Jan-Philipp
        """),
    ),
)

TURKISH = NamePool(
    weight=6,
    families=_list("""
        Yılmaz, Kaya, Demir, Şahin, Çelik, Yıldız, Yıldırım, Öztürk, Aydın, Özdemir, Arslan, Doğan, Kılıç
        Aslan, Çetin, Koç, Kurt, Özkan, Şimşek, Polat, Güneş, Erdoğdu, Bozkurt, Türkmen
    """),
    women=_one_generation(
        "Ayşe, Fatma, Emine, Zeynep, Elif, Gülşen, Nurcan, Özlem, Şule, Tuğba, Büşra, Ebru, İpek, Aslı"
    ),
    men=_one_generation(
        "Mehmet, Mustafa, Ahmet, Ali, Hüseyin, İbrahim, Murat, Ömer, Emre, Çağlar, Oğuz, Serkan, Yiğit"
    ),
)

POLISH = NamePool(
    weight=5,
    families=_list("""
        Nowak, Kowalczyk, Wiśniewski, Wójcik, Kamiński, Lewandowski, Zieliński, Szymański, Woźniak
        Dąbrowski, Kozłowski, Jankowski, Mazur, Krawczyk, Piątek, Grabowski, Źródłowski
    """),
    women=_one_generation(
        "Agnieszka, Małgorzata, Katarzyna, Ewa, Joanna, Zofia, Łucja, Grażyna, Bożena, Beata"
    ),
    men=_one_generation(
        "Piotr, Krzysztof, Andrzej, Tomasz, Paweł, Michał, Łukasz, Stanisław, Grzegorz, Zbigniew"
    ),
)

VIETNAMESE = NamePool(
    weight=2,
    families=_list("Nguyễn, Trần, Lê, Phạm, Hoàng, Vũ, Đặng, Bùi, Đỗ, Nguyen, Tran, Pham, Le"),
    women=_one_generation("Thị Mai, Thu Hà, Ngọc Anh, Thanh Hương, Linh, Phương, Bích Ngọc, Hồng"),
    men=_one_generation("Văn Hùng, Minh Tuấn, Quốc Bảo, Đức, Anh Tú, Hoàng Nam, Thành"),
)

ARABIC = NamePool(
    weight=3,
    families=_list(
        "Al-Hamadi, El-Masri, Haddad, Khalil, Al Saleh, Ben Youssef, Abou Taleb-Weber, Mansour, Darwisch"
    ),
    women=_one_generation("Fatima, Layla, Amira, Noor, Yasmin, Rania, Samira, Hala"),
    men=_one_generation("Mohammed, Omar, Youssef, Karim, Abd al-Rahman, Tarek, Bilal, Khaled"),
)

SLAVIC = NamePool(
    weight=2,
    families=_list(
        "Iwanow, Schewtschenko, Petrowa, Kovač, Jovanović, Horvat, Dvořák, Nováková, Černý, Popescu, Șerban"
    ),
    women=_one_generation("Olga, Natalja, Oksana, Jelena, Snežana, Ljubica, Jiřina, Ioana, Ruxandra"),
    men=_one_generation("Dmitri, Sergej, Oleksandr, Goran, Željko, Jiří, Miloš, Ștefan, Bogdan"),
)

WESTERN = NamePool(
    weight=2,
    families=_list("""
        de Vries, Rossi, D'Angelo, D’Amico, Dell'Acqua, O'Neill, O’Brien, van den Berg, van Dijk, da Silva
        dos Santos, García Márquez, Núñez, Lefèvre, de la Cruz, Sørensen, Åkesson, McGregor, Papadopoulos
    """),
    women=_one_generation(
        "Giulia, Chiara, Maria del Carmen, Inês, Niamh, Siobhán, Saskia, Astrid, Eleni, Françoise"
    ),
    men=_one_generation("Giuseppe, Luca, José, João, Seán, Jeroen, Åke, Søren, Jean-Luc, Kostas, Nicolò"),
)

POOLS = (GERMAN, TURKISH, POLISH, VIETNAMESE, ARABIC, SLAVIC, WESTERN)

TITLES = ("Dr.", "Dr.", "Dr.", "Dr. med.", "Dr. Dr.", "Prof. Dr.", "Dipl.-Ing.", "Dr. rer. nat.")

DENTISTS = _list("""
    Dr. med. dent. Sabine Brückner, Dr. med. dent. Thomas Weißenberger, Dr. med. dent. Aylin Öztürk-Haas
    Dr. med. dent. Johannes von der Mühlen, ZA Florian Stängl, Prof. Dr. med. dent. Gudrun Heßling
    Dr. med. dent. Paweł Kowalczyk, ZÄ Julia Großkopf, Dr. med. dent. M.Sc. Christoph Übele
    Dr. Dr. med. dent. Ursula Jäckle, Dr. med. dent. Minh Trần, ZA Benedikt Höß
""")
PROPHYLAXIS_STAFF = _list("""
    Jana Kießling, Tuğba Yıldız, Carolin Schöne, Monika Wójcik, Verena Bäumler, Sina Groß, Lara Hübner
    Nadine Föß
""")
ASSISTANTS = _list("Melanie Röder, Sophie Kaltenegger, Emine Arslan, Katharina Lößl, Vanessa Peschke")
RECEPTIONISTS = _list("Birgit Hölzl, Anja Preuß")
